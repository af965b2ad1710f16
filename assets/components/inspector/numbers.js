/* A score in as many digits as tell something; a dash where there is none. */
export function number(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : value !== 0 && size < 0.1 ? 3 : 2);
}

/* The chosen places of a page. No drawing here. */

export class Choice {
  constructor(places = []) {
    this.places = new Set(places);
    this.anchor = 0;
  }

  get size() { return this.places.size; }

  /* Ascending, whatever the order of choosing. */
  get sorted() { return [...this.places].sort((a, b) => a - b); }

  has(i) { return this.places.has(i); }

  toggle(i) {
    if (!this.places.delete(i)) this.places.add(i);
    this.anchor = i;
  }

  /* From the place that was toggled last up to `to`. */
  extend(to) {
    for (let i = Math.min(this.anchor, to); i <= Math.max(this.anchor, to); i++) this.places.add(i);
  }

  all(n) { for (let i = 0; i < n; i++) this.places.add(i); }

  clear() { this.places.clear(); }
}

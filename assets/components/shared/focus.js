/* The page's next dialog, being closed, leaves the focus to nobody: `home` takes it back then. */
export function afterDialog(home) {
  let seen = false;
  const watch = new MutationObserver(() => {
    if (document.querySelector('[role="dialog"]')) seen = true;
    else if (seen) {
      watch.disconnect();
      // the dialog's own last word on the focus comes first
      setTimeout(() => { if (document.activeElement === document.body) home(); }, 60);
    }
  });
  watch.observe(document.body, { childList: true, subtree: true });
  // it may have been refused, and another dialog is not ours to follow
  setTimeout(() => { if (!seen) watch.disconnect(); }, 20000);
}

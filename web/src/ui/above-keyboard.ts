// iOS lays its keyboard over the page and tells only `visualViewport` how much is left to see. The page takes exactly that height, so that
// what is written and the bar stay above the keys.
const HEIGHT = '--seen-height';

export const stayAboveKeyboard = (): void => {
  const seen = globalThis.visualViewport;
  if (!seen) return;
  const { style } = document.documentElement;
  const measure = (): void => {
    // Enlarged by two fingers: a part is seen, and the page keeps its size.
    if (seen.scale > 1.01) {
      style.removeProperty(HEIGHT);
      return;
    }
    style.setProperty(HEIGHT, `${seen.height}px`);
    // It also pushes the page up, and the strip out of sight.
    if (seen.offsetTop > 0) scrollTo(0, 0);
  };
  seen.addEventListener('resize', measure);
  seen.addEventListener('scroll', measure);
  measure();
};

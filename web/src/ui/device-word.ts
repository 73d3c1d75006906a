/** What the person holds, for sentences such as "Remember this phone". */
export const deviceWord = (): 'phone' | 'tablet' | 'computer' => {
  if (!matchMedia('(pointer: coarse)').matches) return 'computer';
  return Math.min(screen.width, screen.height) < 600 ? 'phone' : 'tablet';
};

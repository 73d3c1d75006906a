// What index.html shows until the page can: the frame of it, and the way to /emergency. It lies over everything, so that nothing moves when
// it goes.
export const endSkeleton = (): void => document.getElementById('skeleton')?.remove();

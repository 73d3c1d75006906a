import { mount } from 'svelte';
import App from './App.svelte';
import { registerShellWorker } from './shell-worker.ts';
import { stayAboveKeyboard } from './ui/above-keyboard.ts';
import './ui/tokens.css';
import './ui/base.css';
import './ui/skeleton.css';

const target = document.getElementById('app');
if (!target) throw new Error('The page has no #app element');
stayAboveKeyboard();
mount(App, { target });

/** The worker fetches what it keeps, so on a slow line it waits until the page has what it needs. */
const registerLater = (): void => {
  const register = (): void => {
    // Without it only the offline shell is missing.
    registerShellWorker().catch((error: unknown) => console.info('No offline shell', error));
  };
  // Safari has no idle callback.
  if ('requestIdleCallback' in globalThis) requestIdleCallback(register, { timeout: 5_000 });
  else setTimeout(register, 1_000);
};
if (import.meta.env.PROD) {
  if (document.readyState === 'complete') registerLater();
  else addEventListener('load', registerLater, { once: true });
}

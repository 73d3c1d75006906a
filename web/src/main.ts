import { mount } from 'svelte';
import App from './App.svelte';
import { registerShellWorker } from './shell-worker.ts';
import './ui/tokens.css';
import './ui/base.css';

const target = document.getElementById('app');
if (!target) throw new Error('The page has no #app element');
mount(App, { target });

// Without it only the offline shell is missing.
if (import.meta.env.PROD)
  registerShellWorker().catch((error: unknown) => console.info('No offline shell', error));

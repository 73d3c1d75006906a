// Before the page's own script has come over a slow line: asks what that script will ask for first (who am I, how is the target), so that
// the answers are there when it is; and says so where the page's script does not come at all. api/early-answers.ts takes what is asked here.
const answers = new Map();
globalThis.breakglassEarly = answers;

const ask = async (path) => {
  const asked = fetch(path, {
    credentials: 'same-origin',
    cache: 'no-store',
    signal: AbortSignal.timeout(10_000),
  }).then((response) => ({ response, arrivedAt: performance.now() }));
  answers.set(path, asked);
  return (await asked).response.clone().json();
};

/** The target that the address names, else the default one. Undefined: only the page can tell. */
const targetOf = ({ target, targets, role }) => {
  if (role === 'guest') return undefined;
  const [first, name] = location.hash.replace(/^#\/?/, '').split('/');
  if (first === 't') return targets.some((each) => each.name === name) ? name : undefined;
  return first === 's' && targets.length > 1 ? undefined : target.name;
};

const askAll = async () => {
  const name = targetOf(await ask('/api/me'));
  if (name !== undefined) await ask(`/api/targets/${name}`);
};
// Whatever fails is asked for again by the page, which says what is wrong.
askAll().catch(() => undefined);

// Before `load` a script of the page has run or failed. One that has run has put something into #app. Not by its `error` event, which may
// have come before this file did.
addEventListener('load', () => {
  const words = document.getElementById('skeleton-words');
  if (words === null || document.getElementById('app')?.hasChildNodes()) return;
  words.textContent = 'The page could not be loaded. Reload it.';
});

// What a file of tests came to, whoever ran it, and what a person reads of all of them at the end.

export interface SkippedTest {
  readonly name: string;
  /** Undefined: nobody said, which counts as a failure. */
  readonly why: string | undefined;
}

export interface FileOutcome {
  /** Below the repository. */
  readonly file: string;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly SkippedTest[];
}

/** Of the table: those that decide how long all of it takes. */
const SHOWN = 15;

/** Prints the table, the skipped tests and, last, the count. -> whether all is well. */
export function tell(files: readonly FileOutcome[], otherSteps: Readonly<Record<string, number>>): boolean {
  const longest = files.toSorted((a, b) => b.seconds - a.seconds);
  const sum = files.reduce((total, { seconds }) => total + seconds, 0);
  console.log(`\nWhere the time goes (seconds; files run side by side, ${Math.round(sum)} s in all):`);
  for (const { file, seconds, passed, failed } of longest.slice(0, SHOWN))
    console.log(`${seconds.toFixed(1).padStart(7)}  ${file} (${passed + failed} tests)`);
  const rest = longest.slice(SHOWN);
  if (rest.length > 0)
    console.log(
      `${rest
        .reduce((total, { seconds }) => total + seconds, 0)
        .toFixed(1)
        .padStart(7)}  ${rest.length} more files`,
    );
  for (const [name, seconds] of Object.entries(otherSteps))
    console.log(`${seconds.toFixed(1).padStart(7)}  ${name}`);

  const skipped = files.flatMap(({ file, skipped }) => skipped.map((test) => ({ file, ...test })));
  const unexplained = skipped.filter(({ why }) => why === undefined);
  const reasons = Map.groupBy(
    skipped.filter(({ why }) => why !== undefined),
    ({ file, why }) => `${file}: ${why}`,
  );
  if (reasons.size > 0) console.log('\nSkipped:');
  for (const [reason, tests] of reasons) console.log(`  ${tests.length} in ${reason}`);
  for (const { file, name } of unexplained)
    console.log(`FAIL ${file} > ${name}: skipped, and nobody said why`);

  const passed = files.reduce((total, file) => total + file.passed, 0);
  const failed = files.reduce((total, file) => total + file.failed, 0) + unexplained.length;
  const explained = skipped.length - unexplained.length;
  console.log(`\n${passed} passed, ${failed} failed${explained > 0 ? `, ${explained} skipped` : ''}`);
  return failed === 0;
}

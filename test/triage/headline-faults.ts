// What is wrong with a headline; empty: nothing.
const MOST_WORDS = 12;

export function headlineFaults(headline: string): readonly string[] {
  const words = headline.split(/\s+/).filter((word) => word !== '');
  return [
    ...(words.length === 0 ? ['it says nothing'] : []),
    ...(words.length > MOST_WORDS ? [`${words.length} words: ${headline}`] : []),
    ...(/\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\bUTC\b|\dZ\b/.test(headline) ? [`a time stamp: ${headline}`] : []),
    ...(/[^.]\.$/.test(headline) ? [] : [`no period at its end: ${headline}`]),
    ...(/undefined|NaN|Infinity/.test(headline) ? [`a hole: ${headline}`] : []),
  ];
}

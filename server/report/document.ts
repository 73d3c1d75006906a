// A report as a value, before it is Markdown or HTML. Every text in it may come from a VM, a model or a monitor: a renderer makes it
// harmless in its own form, and nothing before it does.

export type Block =
  | { readonly type: 'sentence'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly string[] }
  | {
      readonly type: 'table';
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  /** The title of one part of a section. */
  | { readonly type: 'heading'; readonly text: string }
  /** What was run or printed, character by character. */
  | { readonly type: 'verbatim'; readonly text: string };

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface ReportDocument {
  readonly title: string;
  readonly sections: readonly Section[];
}

export const sentence = (text: string): Block => ({ type: 'sentence', text });
export const list = (items: readonly string[]): Block => ({ type: 'list', items });
export const heading = (text: string): Block => ({ type: 'heading', text });
export const verbatim = (text: string): Block => ({ type: 'verbatim', text });
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): Block => ({
  type: 'table',
  head,
  rows,
});

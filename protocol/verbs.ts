// The six verbs of the power path. Nothing else ever becomes an argument to the power host.

/** Sorted, as `GET /api/pve/verbs` lists them. */
export const VERBS = ['cycle', 'forensics', 'reset', 'start', 'status', 'stop'] as const;
export type Verb = (typeof VERBS)[number];

/** Verbs that change the VM. Forensics are captured before each. Sorted. */
export const MUTATING_VERBS = ['cycle', 'reset', 'start', 'stop'] as const;
export type MutatingVerb = (typeof MUTATING_VERBS)[number];

/** The verb, if the text is exactly its word; otherwise undefined. */
export const parseVerb = (text: unknown): Verb | undefined => VERBS.find((verb) => verb === text);

export const isMutating = (verb: Verb): verb is MutatingVerb =>
  (MUTATING_VERBS as readonly Verb[]).includes(verb);

/** What a verb does and when to use it, in one sentence: buttons, tooltips, the emergency page. */
export const VERB_MEANING: Readonly<Record<Verb, string>> = {
  status: 'Ask the power host what state the VM is in. Changes nothing.',
  forensics: 'Capture evidence about the VM and its QEMU process. Changes nothing.',
  reset:
    'Warm restart: keeps the QEMU process. Does not cure a QEMU stall, does not apply staged configuration.',
  stop: 'Switch the VM off. Unsaved work in the guest is lost.',
  start: 'Start the stopped VM.',
  cycle:
    'Stop, then start a fresh QEMU process. Cures a QEMU-internal stall and applies staged configuration.',
};

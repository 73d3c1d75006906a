// Console and host script are installed on different machines and age apart: a mismatch is named, never refused.

/** Must be the version in host/breakglass-pve: a test compares them. */
export const HOST_SCRIPT_VERSION = '0.1.0';

/** A sentence, or nothing where the versions agree or the script does not tell. */
export const versionWarning = (version: string | undefined): readonly string[] =>
  version === undefined || version === HOST_SCRIPT_VERSION
    ? []
    : [
        `The power host runs breakglass-pve ${version.slice(0, 40)}; this console expects ${HOST_SCRIPT_VERSION}. Verbs work; what they report may be read wrongly. Install the same version on the host.`,
      ];

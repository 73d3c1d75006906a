// The console and the host's script are installed on different machines and may have different versions. That is only a warning.

/** The version in host/breakglass-pve. A test compares the two. */
export const HOST_SCRIPT_VERSION = '0.2.0';

/** A sentence, or none when the versions agree or the script does not tell its own. */
export const versionWarning = (version: string | undefined): readonly string[] =>
  version === undefined || version === HOST_SCRIPT_VERSION
    ? []
    : [
        `The power host runs breakglass-pve ${version.slice(0, 40)}; this console expects ${HOST_SCRIPT_VERSION}. Verbs work; what they report may be read wrongly. Install the same version on the host.`,
      ];

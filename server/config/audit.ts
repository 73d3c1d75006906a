// Where the audit log goes, besides the journal.
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError, isHost, notUnderstood, secretNotUnderstood } from './fields.ts';

export interface AuditConfig {
  readonly syslog:
    | {
        readonly host: string;
        readonly port: number;
        /** `ca`: PEM of the authority that is believed instead of the system's. */
        readonly tls: { readonly ca: string | undefined } | undefined;
      }
    | undefined;
  readonly webhook: { readonly url: string; readonly token: string | undefined } | undefined;
}

export interface AuditVariables {
  readonly BREAKGLASS_AUDIT_SYSLOG?: string | undefined;
  readonly BREAKGLASS_AUDIT_SYSLOG_CA?: string | undefined;
  readonly BREAKGLASS_AUDIT_WEBHOOK?: string | undefined;
  readonly BREAKGLASS_AUDIT_WEBHOOK_TOKEN?: string | undefined;
}

export const readAudit = (read: AuditVariables): AuditConfig => ({
  syslog: readSyslog(read.BREAKGLASS_AUDIT_SYSLOG, read.BREAKGLASS_AUDIT_SYSLOG_CA),
  webhook: readWebhook(read.BREAKGLASS_AUDIT_WEBHOOK, read.BREAKGLASS_AUDIT_WEBHOOK_TOKEN),
});

function readSyslog(text: string | undefined, caFile: string | undefined): AuditConfig['syslog'] {
  const expected = 'tcp://host:port or tls://host:port, e.g. tls://logs.example.com:6514';
  if (text === undefined) {
    if (caFile === undefined) return undefined;
    throw new ConfigError(
      'BREAKGLASS_AUDIT_SYSLOG_CA is set without BREAKGLASS_AUDIT_SYSLOG: set both or neither.',
    );
  }
  const {
    scheme,
    name = '',
    port,
  } = /^(?<scheme>tcp|tls):\/\/(?<name>[^/@]+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  const host = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
  const bracketed = name.startsWith('[');
  if (
    port === undefined ||
    Number(port) < 1 ||
    Number(port) > 65_535 ||
    !isHost(host) ||
    host.includes(':') !== bracketed
  )
    throw notUnderstood('BREAKGLASS_AUDIT_SYSLOG', text, expected);
  if (scheme === 'tcp') {
    if (caFile !== undefined)
      throw new ConfigError(
        'BREAKGLASS_AUDIT_SYSLOG_CA is set, but BREAKGLASS_AUDIT_SYSLOG begins with tcp://. Expected tls://.',
      );
    return { host, port: Number(port), tls: undefined };
  }
  return { host, port: Number(port), tls: { ca: caFile === undefined ? undefined : readCa(caFile) } };
}

function readCa(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('there is no certificate in it');
    createSecureContext({ ca: pem });
    return pem;
  } catch (error) {
    throw notUnderstood(
      'BREAKGLASS_AUDIT_SYSLOG_CA',
      file,
      `a PEM file with certificates, but: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function readWebhook(text: string | undefined, token: string | undefined): AuditConfig['webhook'] {
  if (text === undefined) {
    if (token === undefined) return undefined;
    throw new ConfigError(
      'BREAKGLASS_AUDIT_WEBHOOK_TOKEN is set without BREAKGLASS_AUDIT_WEBHOOK: set both or neither.',
    );
  }
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw secretNotUnderstood('BREAKGLASS_AUDIT_WEBHOOK', 'a URL with http:// or https://');
  if (url.username !== '' || url.password !== '')
    throw new ConfigError(
      'BREAKGLASS_AUDIT_WEBHOOK contains a name or a password. Expected the URL without; a token belongs into BREAKGLASS_AUDIT_WEBHOOK_TOKEN.',
    );
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new ConfigError(
      'BREAKGLASS_AUDIT_WEBHOOK_TOKEN contains a character that no HTTP header may carry. Expected printable ASCII without spaces.',
    );
  return { url: text, token };
}

// The interpreter's byte strings: one character for each byte.
import { type ByteString, latin1FromBytes, unsafeBytesFromLatin1 } from 'just-bash';

export const bytesFromUint8Array = (bytes: Uint8Array): ByteString =>
  unsafeBytesFromLatin1(Buffer.from(bytes).toString('latin1'));
export const uint8ArrayFromBytes = (bytes: ByteString): Uint8Array =>
  Buffer.from(latin1FromBytes(bytes), 'latin1');

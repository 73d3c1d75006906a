// A syslog receiver as a process of its own, so that a test can kill it: takes frames of RFC 6587 over TCP or TLS and writes each message
// as a line of a file at once. Arguments: port, file, and for TLS the files of certificate and key.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const [port, file = '', cert, key] = process.argv.slice(2);

function take(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (data: Buffer) => {
    waiting = Buffer.concat([waiting, data]);
    for (;;) {
      const space = waiting.indexOf(' ');
      const length = Number(waiting.toString('latin1', 0, Math.max(0, space)));
      if (space < 1 || waiting.length < space + 1 + length) return;
      appendFileSync(file, `${waiting.toString('utf8', space + 1, space + 1 + length)}\n`);
      waiting = waiting.subarray(space + 1 + length);
    }
  });
}

const server =
  cert === undefined || key === undefined
    ? createServer(take)
    : createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, take);
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'));

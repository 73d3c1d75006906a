// The lab's hand in the guest (guest/rc.control): runs a command there through a virtio-serial port, whatever has become of
// network, SSH and disk. One connection per command; commands run one at a time.
import { connect } from 'node:net';

class GuestControlError extends Error {}

/** -> the command's output. Throws when it fails, or when the guest has not answered in time. */
export function runInGuest(socketPath: string, command: string, timeoutMs = 120_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let received = '';
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      finish();
    };
    const timer = setTimeout(
      () => end(() => reject(new GuestControlError(`no answer within ${timeoutMs} ms to: ${command}`))),
      timeoutMs,
    );
    socket.on('error', (error) => end(() => reject(new GuestControlError(error.message))));
    socket.on('close', () => end(() => reject(new GuestControlError('the guest went away'))));
    socket.on('data', (data) => {
      received += data.toString('latin1');
      const match = /^(\d+) ([\w+/=]*)\n/.exec(received);
      if (match === null) return;
      const output = Buffer.from(match[2] ?? '', 'base64').toString();
      end(() =>
        match[1] === '0'
          ? resolve(output)
          : reject(new GuestControlError(`exit ${match[1]} of ${command}: ${output}`)),
      );
    });
    socket.write(`${command.replaceAll('\n', ' ; ')}\n`);
  });
}

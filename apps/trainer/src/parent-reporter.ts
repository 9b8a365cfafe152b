/** Messages to the parent process over IPC. */
import type { TrainerMessage } from '#contracts/trainer-messages.js';
import type { Reporter } from './reporter.js';

export class ParentReporter implements Reporter {
  private last: Promise<void> = Promise.resolve();

  report(message: TrainerMessage): void {
    // The channel keeps the order, so the last message is there when all are. A parent that is gone hears nothing.
    this.last = new Promise((resolve) => {
      if (!process.connected || !process.send) resolve();
      else process.send(message, () => resolve());
    });
  }

  async close(): Promise<void> {
    await this.last;
    if (process.connected) process.disconnect();
  }
}

/** Who hears the messages of a run. */
import type { TrainerMessage } from '#contracts/trainer-messages.js';

export interface Reporter {
  report(message: TrainerMessage): void;
  /** Resolves when everything that was reported is with the receiver. */
  close(): Promise<void>;
}

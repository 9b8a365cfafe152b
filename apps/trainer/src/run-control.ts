/** What a person or a parent process wants of a run while it goes on. */
import { CancelRequest } from '#training/cancellation.js';

export class RunControl {
  private readonly abort = new AbortController();
  private wantsCheckpoint = false;

  /** Aborted when the run is to stop. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Stops the run, after a checkpoint of the steps that are done if `checkpoint` says so. */
  stop({ checkpoint }: { checkpoint: boolean }): void {
    this.abort.abort(new CancelRequest(checkpoint));
  }

  /** Asks for a checkpoint after the running step. */
  requestCheckpoint(): void {
    this.wantsCheckpoint = true;
  }

  /** Whether a checkpoint was asked for since the last call. */
  takeCheckpointRequest(): boolean {
    const wanted = this.wantsCheckpoint;
    this.wantsCheckpoint = false;
    return wanted;
  }
}

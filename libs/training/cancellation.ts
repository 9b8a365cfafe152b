/** How a run is asked to stop. */
import { LowrankError } from '#base/errors.js';

/** The reason to abort a run's signal with; other reasons stop it without a checkpoint. */
export class CancelRequest extends LowrankError {
  constructor(
    /** Whether the steps that are done are to be kept in a checkpoint. */
    readonly keepsCheckpoint: boolean,
  ) {
    super('cancelled', 'the run was cancelled');
  }
}

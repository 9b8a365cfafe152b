/** Why work that waits does not run. */
export interface WaitingReason {
  /** One of libs/base/error-codes.ts. */
  readonly code: string;
  readonly message: string;
  /** When this reason began, as ISO 8601 has it. */
  readonly since: string;
  /** For `device_busy`: the names of the devices of which one has to become free. */
  readonly devices?: readonly string[];
}

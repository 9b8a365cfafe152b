export interface HostileRequest {
  /** What is odd about it. */
  readonly what: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Bytes that are declared beyond those that come; the connection is then closed. */
  readonly missingBytes?: number;
}

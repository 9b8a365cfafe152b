/** Pieces and a result on their way from whoever computes them to whoever sends them. */
export class PieceChannel<Piece, Result> {
  private readonly pieces: Piece[] = [];
  private wake: () => void = () => undefined;
  private isOver = false;

  /** `work` is given where to put the pieces. */
  constructor(work: (onPiece: (piece: Piece) => void) => Promise<Result>) {
    this.result = work((piece) => {
      this.pieces.push(piece);
      this.wake();
    });
    // The reader gets a failure after the last piece.
    const end = () => {
      this.isOver = true;
      this.wake();
    };
    this.result.then(end, end);
  }

  readonly result: Promise<Result>;

  /**
   * The pieces that have come since the last time; undefined after the last one, and none if none comes in time.
   * Throws the error of the work once the pieces before it were read.
   */
  async next(milliseconds: number): Promise<readonly Piece[] | undefined> {
    if (this.pieces.length === 0 && !this.isOver) await this.change(milliseconds);
    if (this.pieces.length > 0) return this.pieces.splice(0);
    if (!this.isOver) return [];
    await this.result;
    return undefined;
  }

  /** All of the pieces, once they are there. Throws the error of the work. */
  async whole(): Promise<readonly Piece[]> {
    await this.result;
    return this.pieces.splice(0);
  }

  /** Resolves with the first piece or the end, or when the time is over. */
  private async change(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
  }
}

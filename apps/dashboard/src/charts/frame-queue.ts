/** Pictures that wait to be drawn: in each frame as many as its time allows, and first the one in somebody's hand. */

/** Painting takes as long again, and a frame of 60 in a second has 16 ms. */
const drawMilliseconds = 4;

export class FrameQueue {
  /** In the order of asking, so that each has its turn. */
  private readonly waiting = new Set<() => void>();
  private foremost: (() => void) | null = null;
  private frame = 0;

  /** Calls `draw` once in one of the next frames. */
  ask(draw: () => void): void {
    this.waiting.add(draw);
    if (this.frame === 0) this.frame = requestAnimationFrame(this.run);
  }

  /** From now on this one never waits for others. */
  prefer(draw: () => void): void {
    this.foremost = draw;
  }

  forget(draw: () => void): void {
    this.waiting.delete(draw);
    if (this.foremost === draw) this.foremost = null;
  }

  private readonly run = (): void => {
    this.frame = 0;
    const end = performance.now() + drawMilliseconds;
    const { foremost } = this;
    if (foremost && this.waiting.delete(foremost)) foremost();
    for (const draw of this.waiting) {
      if (performance.now() >= end) break;
      this.waiting.delete(draw);
      draw();
    }
    if (this.waiting.size > 0) this.frame = requestAnimationFrame(this.run);
  };
}

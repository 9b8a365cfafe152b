/** Which steps the charts of a job show, and at which one somebody points: one of it for all of them. */

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Steps that are shown at least. */
const minWidth = 4;

export class Viewport {
  /** Null for all steps, which goes on as the curve grows. */
  private zoom: Range | null = null;
  private extent: Range = { min: 0, max: 1 };
  private pointedStep: number | null = null;
  private readonly listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  get range(): Range {
    return this.zoom ?? this.extent;
  }

  readonly showsAll = (): boolean => this.zoom === null;

  /** The step that the reader points at; null for none. */
  readonly pointed = (): number | null => this.pointedStep;

  /** Says which steps there are. */
  setExtent(min: number, max: number): void {
    const extent = { min, max: Math.max(max, min + 1) };
    if (extent.min === this.extent.min && extent.max === this.extent.max) return;
    this.extent = extent;
    this.emit();
  }

  showAll(): void {
    if (this.zoom === null) return;
    this.zoom = null;
    this.emit();
  }

  /** Shows these steps, as far as there are some; all if that is no part of them. */
  show({ min, max }: Range): void {
    const { extent } = this;
    const width = Math.max(max - min, minWidth);
    if (width >= extent.max - extent.min) {
      this.showAll();
      return;
    }
    const middle = (min + max) / 2;
    const from = Math.min(Math.max(middle - width / 2, extent.min), extent.max - width);
    const zoom = { min: from, max: from + width };
    if (this.zoom?.min === zoom.min && this.zoom.max === zoom.max) return;
    this.zoom = zoom;
    this.emit();
  }

  /** Moves by a number of steps, as far as there are some. */
  pan(steps: number): void {
    const { min, max } = this.range;
    if (this.zoom) this.show({ min: min + steps, max: max + steps });
  }

  /** Shows `factor` times as many steps; the step `around` keeps its place in the picture. */
  zoomBy(factor: number, around?: number): void {
    const { min, max } = this.range;
    const fixed = around ?? (min + max) / 2;
    this.show({ min: fixed - (fixed - min) * factor, max: fixed + (max - fixed) * factor });
  }

  point(step: number | null): void {
    if (step === this.pointedStep) return;
    this.pointedStep = step;
    this.emit();
  }

  private emit(): void {
    for (const listener of this.listeners) listener();
  }
}

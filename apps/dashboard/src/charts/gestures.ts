/** What the pointer does to a picture of curves: reads, selects, moves, pinches. */
import type { Viewport } from './viewport.js';

export interface GestureTarget {
  readonly element: HTMLElement;
  readonly viewport: Viewport;
  /** What a drag with the mouse does; with the shift key it does the other. */
  readonly drag: () => 'zoom' | 'move';
  /** Marks a stretch in pixels from the left edge; null for none. */
  readonly mark: (stretch: { readonly from: number; readonly to: number } | null) => void;
}

const minDragPixels = 4;
const wheelZoom = 0.002;

/** Follows the pointer until the signal aborts. */
export function followPointer(target: GestureTarget, signal: AbortSignal): void {
  const gestures = new Gestures(target);
  const { element } = target;
  element.addEventListener('pointerdown', gestures.down, { signal });
  element.addEventListener('pointermove', gestures.move, { signal });
  element.addEventListener('pointerup', gestures.up, { signal });
  element.addEventListener('pointercancel', gestures.cancel, { signal });
  element.addEventListener('pointerleave', gestures.leave, { signal });
  element.addEventListener('dblclick', () => target.viewport.showAll(), { signal });
  element.addEventListener('wheel', gestures.wheel, { signal, passive: false });
}

class Gestures {
  /** Where each pointer that is down is, in pixels from the left edge. */
  private readonly pointers = new Map<number, number>();
  private start: { readonly x: number; readonly kind: 'zoom' | 'move' } | null = null;

  constructor(private readonly target: GestureTarget) {}

  readonly down = (event: PointerEvent): void => {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    const x = this.pixelOf(event);
    this.target.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, x);
    const drag = this.target.drag();
    const other = drag === 'zoom' ? 'move' : 'zoom';
    const kind = event.pointerType === 'touch' ? 'move' : event.shiftKey ? other : drag;
    this.start = this.pointers.size === 1 ? { x, kind } : null;
    this.target.mark(null);
  };

  readonly move = (event: PointerEvent): void => {
    const { viewport, mark } = this.target;
    const x = this.pixelOf(event);
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      viewport.point(this.stepAt(x));
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, x);
    else if (this.start?.kind === 'move') viewport.pan((before - x) * this.stepsInPixel());
    else if (this.start) {
      mark({ from: Math.min(this.start.x, x), to: Math.max(this.start.x, x) });
      viewport.point(this.stepAt(x));
    }
    this.pointers.set(event.pointerId, x);
  };

  readonly up = (event: PointerEvent): void => {
    const { start } = this;
    const x = this.pixelOf(event);
    if (!this.pointers.has(event.pointerId)) return;
    this.cancel(event);
    if (!start) return;
    const isClick = Math.abs(x - start.x) < minDragPixels;
    if (isClick) this.target.viewport.point(this.stepAt(x));
    else if (start.kind === 'zoom') {
      const [from, to] = [Math.min(start.x, x), Math.max(start.x, x)];
      this.target.viewport.show({ min: this.stepAt(from), max: this.stepAt(to) });
    }
  };

  readonly cancel = (event: PointerEvent): void => {
    this.pointers.delete(event.pointerId);
    this.start = null;
    this.target.mark(null);
  };

  readonly leave = (event: PointerEvent): void => {
    if (event.pointerType === 'mouse' && this.pointers.size === 0) this.target.viewport.point(null);
  };

  /** With the control key, as a pinch on a touchpad comes too; a page that scrolls is left alone. */
  readonly wheel = (event: WheelEvent): void => {
    const { viewport } = this.target;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      viewport.zoomBy(Math.exp(event.deltaY * wheelZoom), this.stepAt(this.pixelOf(event)));
    } else if (!viewport.showsAll() && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      viewport.pan(event.deltaX * this.stepsInPixel());
    }
  };

  private pinch(id: number, x: number): void {
    const other = [...this.pointers].find(([key]) => key !== id)?.[1];
    const before = this.pointers.get(id);
    if (other === undefined || before === undefined) return;
    const [was, is] = [Math.abs(before - other), Math.abs(x - other)];
    if (was > 0 && is > 0) this.target.viewport.zoomBy(was / is, this.stepAt(other));
  }

  private pixelOf(event: MouseEvent): number {
    return event.clientX - this.target.element.getBoundingClientRect().left;
  }

  private stepsInPixel(): number {
    const { min, max } = this.target.viewport.range;
    return (max - min) / Math.max(1, this.target.element.clientWidth);
  }

  private stepAt(x: number): number {
    return this.target.viewport.range.min + x * this.stepsInPixel();
  }
}

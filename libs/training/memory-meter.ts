/** How much memory a run takes, pages of mapped weights counted once. */
import { readFileSync } from 'node:fs';

/**
 * Keeps the most that the process held at any sample. Two compiled steps map the same weight files, and the kernel
 * counts such a page twice as resident, though it is there once: so file pages are taken as they were before the steps
 * were loaded, plus the weights. The memory of ONNX Runtime stays allocated between runs, so samples between runs see
 * its peak. Where there is no /proc it is the largest resident size.
 */
export class MemoryMeter {
  private readonly filesBefore = residentBytes('RssFile') ?? 0;
  private peakAnonymous = 0;

  /** To be made before the steps are loaded. */
  constructor(private readonly weightBytes: number) {}

  sample(): void {
    this.peakAnonymous = Math.max(this.peakAnonymous, residentBytes('RssAnon') ?? 0);
  }

  get peakBytes(): number {
    if (this.peakAnonymous === 0) return process.resourceUsage().maxRSS * 1024;
    return this.peakAnonymous + this.filesBefore + this.weightBytes;
  }
}

function residentBytes(kind: 'RssAnon' | 'RssFile'): number | undefined {
  try {
    const line = new RegExp(`^${kind}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
    return line ? 1024 * Number(line[1]) : undefined;
  } catch {
    return undefined;
  }
}

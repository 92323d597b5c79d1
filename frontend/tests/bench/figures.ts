/** Measuring in a page: its speed, its frames, and how long a key takes until the screen shows it. */
import type { CDPSession, Page, TestInfo } from "@playwright/test";

import type { Figure } from "./reporter";

export async function report(info: TestInfo, name: string, value: number, budget: number, unit: string, isMore = false): Promise<void> {
  const figure: Figure = { name, value, budget, unit, isMore };
  await info.attach("figure", { body: JSON.stringify(figure), contentType: "application/json" });
}

export async function slowDown(page: Page, rate: number): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate });
  return session;
}

interface Kept {
  /** When the first element that was waited for was in the document. */
  found: number;
  /** When it was painted. */
  painted: number;
  lastLongTask: number;
  largestPaint: number;
  shift: number;
  /** From each key press to the next paint, in steps of 8 ms. */
  keys: number[];
}
declare const window: { kept: Kept };

/** Keeps figures of every page that is opened from now on, until `selector` is painted and later. */
export async function observe(page: Page, selector: string): Promise<void> {
  await page.addInitScript((selector) => {
    const kept: Kept = { found: 0, painted: 0, lastLongTask: 0, largestPaint: 0, shift: 0, keys: [] };
    window.kept = kept;
    const watch = (type: string, note: (entry: PerformanceEntry) => void, more = {}) =>
      new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, ...more });
    watch("longtask", (entry) => (kept.lastLongTask = entry.startTime + entry.duration));
    watch("largest-contentful-paint", (entry) => (kept.largestPaint = entry.startTime));
    // As Chromium counts it: a row that the person has just moved, for example, is no surprise.
    watch("layout-shift", (entry) => {
      const { value, hadRecentInput } = entry as unknown as { value: number; hadRecentInput: boolean };
      if (!hadRecentInput) kept.shift += value;
    });
    watch("event", (entry) => entry.name === "keydown" && kept.keys.push(entry.duration), { durationThreshold: 16 });
    // Not by frames: what is loaded when the browser is idle may begin before the next one.
    const look = new MutationObserver(() => {
      if (!document.querySelector(selector)) return;
      look.disconnect();
      kept.found = performance.now();
      requestAnimationFrame(() => setTimeout(() => (kept.painted = performance.now())));
    });
    look.observe(document, { childList: true, subtree: true });
  }, selector);
}

export function kept(page: Page): Promise<Kept> {
  return page.evaluate(() => window.kept);
}

/** Waits until what was observed is painted, and the page has had nothing long to do for a second. */
export async function interactive(page: Page): Promise<Kept> {
  await page.waitForFunction(() => {
    const { painted, lastLongTask } = (globalThis as unknown as { kept: Kept }).kept;
    return painted > 0 && performance.now() > Math.max(painted, lastLongTask) + 1000;
  }, undefined, { polling: 200 });
  return kept(page);
}

/** The longest time from a key press to the paint after it; 16 if all were shorter than can be seen. */
export async function slowestKey(page: Page, press: () => Promise<void>): Promise<number> {
  await page.evaluate(() => void (window.kept.keys = []));
  await press();
  await page.waitForTimeout(500);
  return Math.max(16, ...(await kept(page)).keys);
}

/** Runs an act, and returns the longest time between two frames during it. */
export async function longestFrame(page: Page, act: () => Promise<unknown>): Promise<number> {
  await page.evaluate(() => {
    const state = globalThis as unknown as { frames: number[]; running: boolean };
    state.frames = [];
    state.running = true;
    let last = performance.now();
    const frame = (now: number) => {
      state.frames.push(now - last);
      last = now;
      if (state.running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await act();
  return page.evaluate(() => {
    const state = globalThis as unknown as { frames: number[]; running: boolean };
    state.running = false;
    return Math.max(...state.frames.slice(1));
  });
}

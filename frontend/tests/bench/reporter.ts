/** Prints what the measurements attach as one table, with the budget beside each figure. */
import type { FullResult, Reporter, TestCase, TestError, TestResult } from "@playwright/test/reporter";
import { availableParallelism, loadavg } from "node:os";

export interface Figure {
  name: string;
  value: number;
  budget: number;
  unit: string;
  /** A score, not a cost. */
  isMore?: boolean;
}

export default class Table implements Reporter {
  private readonly figures: Figure[] = [];
  private readonly load = loadavg()[0]!;

  onTestEnd(test: TestCase, { attachments, status, errors }: TestResult): void {
    for (const { name, body } of attachments) if (name === "figure") this.figures.push(JSON.parse(body!.toString()) as Figure);
    if (status !== "passed" && status !== "skipped") console.error(`${test.title}: ${errors.map(({ message }) => message).join("\n")}`);
  }

  onError({ message }: TestError): void {
    console.error(message);
  }

  onEnd(_result: FullResult): void {
    const rows = this.figures.map(({ name, value, budget, unit, isMore }) => {
      const isKept = isMore ? value >= budget : value <= budget;
      return [name, `${+value.toPrecision(3)} ${unit}`, `${budget} ${unit}`, isKept ? "" : "over"].map((cell) => cell.trim());
    });
    rows.unshift(["", "measured", "budget", ""]);
    const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const row of rows) {
      console.log([row[0]!.padEnd(widths[0]!), row[1]!.padStart(widths[1]!), row[2]!.padStart(widths[2]!), row[3]].join("  ").trimEnd());
    }
    console.log(`\n${availableParallelism()} cores; load when it began: ${this.load.toFixed(1)}`);
  }

  printsToStdio(): boolean {
    return true;
  }
}

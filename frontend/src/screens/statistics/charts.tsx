import type { ComponentChildren } from "preact";

import { m } from "../../texts/more";

export interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** A chart with the sentence that says its result, and the same numbers as a table. */
export function Figure({ title, sentence, table, children }: { title: string; sentence: string; table: Table; children: ComponentChildren }) {
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <p class="note">{sentence}</p>
      </figcaption>
      {children}
      <details>
        <summary>{m().showTable}</summary>
        <div class="chart-table" tabIndex={0} role="region" aria-label={title}>
          <table>
            <thead><tr>{table.head.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
            <tbody>
              {table.rows.map((row) => (
                <tr key={row[0]}>{row.map((cell, i) => (i === 0 ? <th key={i} scope="row">{cell}</th> : <td key={i}>{cell}</td>))}</tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

const [WIDTH, HEIGHT] = [300, 96];

export function Bars({ values, label }: { values: readonly number[]; label: string }) {
  const most = Math.max(1, ...values);
  const step = WIDTH / values.length;
  return (
    <svg class="chart-svg" viewBox={`0 0 ${WIDTH} ${HEIGHT + 2}`} role="img" aria-label={label}>
      <path class="chart-axis" d={`M0 ${HEIGHT + 1}H${WIDTH}`} />
      {values.map((n, i) => {
        const height = n === 0 ? 0 : Math.max(3, (n / most) * HEIGHT);
        return <rect key={i} class="chart-bar" x={i * step + step * 0.15} y={HEIGHT - height} width={step * 0.7} height={height} rx="1.5" />;
      })}
    </svg>
  );
}

export function Curve({ values, label }: { values: readonly number[]; label: string }) {
  const most = Math.max(1, ...values);
  const points = values.map((n, i) => `${((i + 0.5) * WIDTH) / values.length} ${HEIGHT - (n / most) * (HEIGHT - 6)}`);
  const last = points.at(-1)!.split(" ");
  return (
    <svg class="chart-svg" viewBox={`0 0 ${WIDTH} ${HEIGHT + 2}`} role="img" aria-label={label}>
      <path class="chart-axis" d={`M0 ${HEIGHT + 1}H${WIDTH}`} />
      <path class="chart-line" d={`M${points.join("L")}`} />
      <circle class="chart-bar" cx={last[0]} cy={last[1]} r="3.5" />
    </svg>
  );
}

/** Seven days by 24 hours; the size of a square says it as well as its strength. */
export function Heat({ rows, names, label }: { rows: readonly (readonly number[])[]; names: readonly string[]; label: string }) {
  const most = Math.max(1, ...rows.flat());
  const [left, cell] = [28, 11.3];
  return (
    <svg class="chart-svg" viewBox={`0 0 ${WIDTH} 96`} role="img" aria-label={label}>
      {rows.map((row, day) => (
        <g key={day}>
          <text class="chart-text" x="0" y={day * 11.5 + 9}>{names[day]}</text>
          {row.map((n, hour) => {
            const size = n === 0 ? 2 : 4 + (n / most) * 6;
            return (
              <rect
                key={hour}
                class={n === 0 ? "chart-none" : "chart-bar"}
                x={left + hour * cell + (cell - size) / 2}
                y={day * 11.5 + (11.5 - size) / 2}
                width={size}
                height={size}
                rx="1"
              />
            );
          })}
        </g>
      ))}
      {[0, 6, 12, 18].map((hour) => <text key={hour} class="chart-text" x={left + hour * cell} y="93">{hour}</text>)}
    </svg>
  );
}

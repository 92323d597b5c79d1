/** All icons: 20 px box, 1.5 px round strokes, the colour of the text around them. */
const paths = {
  inbox: "M3 11.5h3.6l1 2h4.8l1-2H17M3 11.5 5.2 4h9.6L17 11.5V16H3z",
  today: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  upcoming: "M3.5 5h13v11.5h-13zM3.5 8.5h13M7 3v3M13 3v3M6.5 12h3M6.5 14h5",
  overdue: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 6v4.5M10 13.5v.01",
  list: "M7.5 5.5H17M7.5 10H17M7.5 14.5H17M3.5 5.5h.01M3.5 10h.01M3.5 14.5h.01",
  section: "M3 5h14M3 10h14M3 15h8",
  label: "M3.5 3.5H10l6.5 6.5-6.5 6.5L3.5 10zM7 7v.01",
  filter: "M3 4.5h14l-5.5 6.2V16l-3-1.5v-3.8z",
  sync: "M16 8.5A6.3 6.3 0 0 0 4.7 7M4 3.5V7h3.5M4 11.5A6.3 6.3 0 0 0 15.3 13M16 16.5V13h-3.5",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M13 13l4 4",
  plus: "M10 4v12M4 10h12",
  check: "m4 10.5 4 4 8-9",
  right: "m8 5 5 5-5 5",
  left: "m12 5-5 5 5 5",
  down: "m5 8 5 5 5-5",
  back: "M16 10H4M9 5l-5 5 5 5",
  close: "m5 5 10 10M15 5 5 15",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  calendar: "M3.5 5h13v11.5h-13zM3.5 8.5h13M7 3v3M13 3v3",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 6v4l2.5 2",
  repeat: "M4 9V8a2.5 2.5 0 0 1 2.5-2.5h9M13 3l2.5 2.5L13 8M16 11v1a2.5 2.5 0 0 1-2.5 2.5h-9M7 17l-2.5-2.5L7 12",
  duration: "M6 3h8M6 17h8M7 3c0 4 6 5 6 7s-6 3-6 7M13 3c0 4-6 5-6 7s6 3 6 7",
  globe: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M3 10h14M10 3c2.5 2.2 2.5 11.8 0 14-2.5-2.2-2.5-11.8 0-14",
  note: "M4 4.5h12M4 8.5h12M4 12.5h7",
  subtasks: "M4 4v9.5h4M4 7h4M11 5.5h5v3h-5zM11 12h5v3h-5z",
  edit: "m4 16 .8-3.5L13.5 3.8l2.7 2.7-8.7 8.7z",
  move: "M3 10h11M10 6l4 4-4 4M17 4v12",
  indent: "M3 5h14M9 10h8M9 15h8M3 9l2.5 3L3 15",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.5M11.5 9v4.5",
  archive: "M3 4.5h14v3.5H3zM4.5 8v8h11V8M8.5 11h3",
  undo: "M7.5 4.5 4 8l3.5 3.5M4 8h8a4 4 0 0 1 0 8H8",
  sort: "M6.5 4v12M3.5 13l3 3 3-3M13.5 16V4M10.5 7l3-3 3 3",
  settings: "M3 6h7M15 6h2M3 14h2M10 14h7M12.5 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M7.5 11.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  chart: "M4 16.5v-6M8 16.5V7M12 16.5v-4M16 16.5V3.5",
  external: "M8 5H4v11h11v-4M11 3.5h5.5V9M16.5 3.5 9 11",
  eye: "M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5M10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  help: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M8 8a2 2 0 1 1 2.6 1.9c-.4.2-.6.5-.6 1.1M10 13.8v.01",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} stroke-width={name === "more" ? 2.4 : undefined} />
    </svg>
  );
}

/** The shape of each bar, 3 wide with round corners. */
const bars = [0, 1, 2].map((bar) => `M${3 + bar * 4.5} ${9 - bar * 3}h1a1 1 0 0 1 1 1v${2 + bar * 3}a1 1 0 0 1-1 1h-1a1 1 0 0 1-1-1v-${2 + bar * 3}a1 1 0 0 1 1-1z`);

/** Priority as bars, so that colour is never the only sign: three for 1, two for 2, one for 3, an outline for 4. */
export function Bars({ priority }: { priority: number }) {
  return (
    <svg class={`bars p${priority}`} width="16" height="16" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
      {priority === 4 ? (
        <rect x="6" y="3.5" width="4" height="9" rx="1.2" fill="none" stroke="currentColor" />
      ) : (
        <>
          <path d={bars.slice(0, 4 - priority).join("")} />
          <path d={bars.slice(4 - priority).join("")} opacity=".25" />
        </>
      )}
    </svg>
  );
}

/** A user's own colour: a dot with a ring, never text or background. */
export function Dot({ color }: { color: string | null | undefined }) {
  return <span class="dot" style={{ backgroundColor: color ?? "transparent" }} aria-hidden="true" />;
}

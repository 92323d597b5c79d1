/** What the store offers to a screen. Nothing here, nor behind it, knows of Preact. */
import type { ReadonlySignal } from "@preact/signals-core";

import type { Filter, Label, List, Section, Task, User } from "../api/things";

export type { Filter, Label, List, Section, Task, User };

export interface Things {
  task: Task;
  list: List;
  section: Section;
  label: Label;
  filter: Filter;
}
export type Kind = keyof Things;

/** A task as shown: the copy of the server's, with the unsent changes laid on top. */
export type Shown<K extends Kind> = Things[K] & {
  /** It has changes that the server has not acknowledged yet. */
  readonly unsent: boolean;
};

/** What a screen asks for. The result keeps itself up to date until it is disposed of. */
export type ViewQuery =
  | { show: "inbox" }
  | { show: "list"; id: string }
  | { show: "label"; id: string }
  | { show: "today" }
  | { show: "upcoming" }
  | { show: "overdue" }
  | { show: "filter"; query: string }
  | { show: "search"; text: string; includeCompleted: boolean }
  | { show: "subtasks"; id: string };

export type Sorting = "position" | "due" | "priority" | "title" | "created_at";

/** A task in a view. */
export interface TaskLine {
  type: "task";
  /** Names a line among those of its view. */
  key: string;
  id: string;
  /** 1 for a task whose parent is not above it. */
  level: number;
  /** Completed ones too. */
  children: number;
  completedChildren: number;
}
/** A section, a day, or "Overdue". */
export interface HeadLine {
  type: "section" | "heading";
  key: string;
  /** The section's id, or a heading's key. */
  id: string;
  date: string | null;
  level: 1;
  count: number;
}
/** One line of a view. As long as it says the same, it is the same object. */
export type Line = TaskLine | HeadLine;

export interface View {
  /** Open tasks in order, with their headings. Folded sections and parents are the screen's affair. */
  readonly lines: ReadonlySignal<readonly Line[]>;
  /** The completed tasks that belong here, the latest first. */
  readonly completed: ReadonlySignal<readonly string[]>;
  /** Whether a task is one of the lines. */
  has(id: string): boolean;
  /** For a filter that cannot be parsed: where and why. */
  readonly mistake: ReadonlySignal<{ position: number; message: string } | null>;
  dispose(): void;
}

export interface Counts {
  /** Open tasks, each once; subtasks count too. Those of archived lists count in their list only. */
  inbox: number;
  /** Due today, without the overdue ones. */
  today: number;
  overdue: number;
  /** Open tasks by list id. */
  lists: ReadonlyMap<string, number>;
}

export type Obstacle =
  | "offline"
  /** The server requires a confirmed address, and that of the user is not. */
  | "unverified";

export type State =
  | Obstacle
  | "synced"
  /** The first sync has not brought everything yet. */
  | "fetching"
  | "sending"
  | "needs_you"
  /** The session has ended. Work goes on; the same user must sign in to sync. */
  | "sign_in";

export interface Status {
  state: State;
  /** Changes that the server has not acknowledged. */
  unsent: number;
  needsYou: number;
  lastSync: Date | null;
  /** During the first sync: how many resources have arrived, and how many tasks there are. */
  firstSync: { done: number; total: number } | null;
  /** Whether changes survive the tab: false without IndexedDB. */
  stored: boolean;
  /** A newer version of the app has taken the database: this page must be loaded again. */
  outdated: boolean;
  /** After a restored server: tasks that this device saw acknowledged and the server no longer has. */
  vanished: readonly Task[];
}

/** Where a resource goes among its siblings. Without either, last. */
export interface Place {
  after_id?: string | null;
  before_id?: string | null;
}

export interface TaskPlace extends Place {
  list_id?: string | null;
  section_id?: string | null;
  parent_id?: string | null;
}

/** A change that a person makes. Each is applied at once, stored, then sent. */
export type Command =
  | { do: "create"; type: "task"; data: Partial<Task> & { title: string } & Place }
  | { do: "create"; type: "list"; data: Partial<List> & { name: string } }
  | { do: "create"; type: "section"; data: { list_id: string; name: string } & Partial<Section> }
  | { do: "create"; type: "label"; data: { name: string } & Partial<Label> }
  | { do: "create"; type: "filter"; data: { name: string; query: string } & Partial<Filter> }
  /**
   * `base` is the resource as it was when the person began to type, if that was a while ago: what
   * another device has changed since then is a conflict, and a resource that is gone is restored.
   */
  | { do: "update"; type: Kind; id: string; data: Record<string, unknown>; base?: object }
  | { do: "complete"; id: string }
  | { do: "reopen"; id: string }
  | { do: "skip"; id: string }
  | { do: "move"; type: "task"; id: string; to: TaskPlace }
  | { do: "move"; type: "list" | "section" | "label" | "filter"; id: string; to: Place }
  /** Moves tasks and lists to the trash; deletes the others. */
  | { do: "delete"; type: Kind; id: string }
  | { do: "restore"; type: "task" | "list"; id: string }
  /** Deletes for good what is in the trash, of which the copy knows nothing: `was` is what the server has. */
  | { do: "purge"; type: "task" | "list"; id: string; was: Task | List };

export interface Undone {
  /** Names of what was changed since, or can no longer be taken back, and is left alone. */
  readonly left: readonly string[];
  /** Nothing of the act was taken back. */
  readonly nothing: boolean;
}

export interface Done {
  /** The ids that `create` commands made, in their order. */
  readonly ids: readonly string[];
  /** Resolves when the changes survive the tab. */
  readonly stored: Promise<void>;
  /** Takes it back, as far as that is possible. */
  undo(): Undone;
}

/** One unsent change, for the page that shows them. */
export interface Waiting {
  readonly key: number;
  readonly command: Command;
  /** The resource's title or name as the person knew it. */
  readonly name: string;
  readonly state: "waiting" | "sending";
}

/** Something that could not be kept as it was, and what can be done about it. */
export interface Conflict {
  readonly key: number;
  /** `replaced` is no question: the detail of the task says for a day what ours has replaced. */
  readonly kind: "same_text" | "replaced" | "trashed_elsewhere" | "gone" | "refused" | "moved_to";
  readonly type: Kind;
  readonly id: string;
  readonly name: string;
  readonly field: string | null;
  readonly mine: unknown;
  readonly theirs: unknown;
  /** The server's message, where it refused. */
  readonly message: string | null;
  readonly choices: readonly Choice[];
  /** When it was noticed, in milliseconds. */
  readonly since?: number;
}
export type Choice =
  | "keep_mine"
  | "use_other"
  | "keep_both"
  | "trash_again"
  | "create_again"
  | "try_again"
  | "discard"
  | "dismiss";

export interface Store {
  readonly user: ReadonlySignal<User>;
  readonly status: ReadonlySignal<Status>;
  readonly counts: ReadonlySignal<Counts>;
  /** Lists (archived ones too), labels and filters in manual order. */
  readonly lists: ReadonlySignal<readonly List[]>;
  readonly labels: ReadonlySignal<readonly Label[]>;
  readonly filters: ReadonlySignal<readonly Filter[]>;
  readonly waiting: ReadonlySignal<readonly Waiting[]>;
  readonly conflicts: ReadonlySignal<readonly Conflict[]>;
  /** Today in the user's time zone, YYYY-MM-DD; changes at midnight. */
  readonly today: ReadonlySignal<string>;

  /** The same signal for the same id, so that a row is painted only when its own task changes. */
  get<K extends Kind>(type: K, id: string): ReadonlySignal<Shown<K> | undefined>;
  sectionsOf(listId: string): readonly Section[];
  view(query: ViewQuery, sorting?: Sorting): View;
  /** All tasks of the copy, for statistics and export; unsent changes included. */
  allTasks(): Iterable<Task>;

  /** Applies commands as one act: one paint, one undo, and one atomic request if there are several. */
  run(...commands: Command[]): Done;
  resolve(conflict: Conflict, choice: Choice): void;
  /** Keeps (as new tasks) or lets go what a restored server no longer has. */
  settleVanished(keep: boolean): void;

  /** Before a reload: hands changes that are not stored over to the next page. False if they would be lost. */
  handOver(): boolean;

  syncNow(): void;
  /**
   * Waits until everything is sent, at most `milliseconds`. Returns how many changes remain. Unless it
   * is urgent, what can still be undone goes on waiting for its time.
   */
  flush(milliseconds: number, options?: { isUrgent?: boolean }): Promise<number>;
  /** Stops all work and closes the database. With `wipe`, deletes what this device holds of the user. */
  close(options?: { wipe?: boolean }): Promise<void>;
}

/** What the store needs of a session. `api/session.ts` implements it. */
export interface Connection {
  /** Requests below /api/v1 with the access token; refreshes it once on 401. */
  request(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Response>;
  /** Opens the event stream. Resolves when it ends; throws `ApiError` like a request. */
  stream(
    token: string,
    on: (event: { id: string; type: string; data: unknown }) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** True once the server has said that the session is over. */
  readonly ended: ReadonlySignal<boolean>;
}

export interface OpenOptions {
  user: User;
  connection: Connection;
  /** What talks to the server is loaded after this, such as the first paint. At once without it. */
  after?: Promise<void>;
  /** Replaceable for tests; the browser's by default. */
  now?: () => Date;
}
/** `openStore(options)` in `store/index.ts` returns a promise of a `Store`. */
export type OpenStore = (options: OpenOptions) => Promise<Store>;

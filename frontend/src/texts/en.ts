/** The English texts of the first paint. `de.ts` has the same keys: the compiler refuses a missing one. */
import { counting } from "./plural";

const { count, many } = counting("en");

export const en = {
  // Places
  inbox: "Inbox",
  today: "Today",
  upcoming: "Upcoming",
  overdue: "Overdue",
  lists: "Lists",
  labels: "Labels",
  filters: "Filters",
  trash: "Trash",
  statistics: "Statistics",
  settings: "Settings",
  search: "Search",
  sync: "Sync",
  menu: "Menu",
  navigation: "Navigation",
  places: "Places",
  list: "List",
  label: "Label",
  filter: "Filter",
  section: "Section",
  nothingHere: "There is nothing here",
  nothingHereText: "This address does not lead anywhere, or what it showed has been deleted.",
  goToInbox: "Go to the inbox",
  skipToList: "Skip to the list",

  // Sign-in
  appName: "Duly",
  starting: "Opening your tasks…",

  // Actions
  addTask: "Add a task",
  addTaskTo: (place: string) => `Add a task to ${place}`,
  close: "Close",
  undo: "Undo",
  redo: "Redo",
  moreFor: (name: string) => `More for ${name}`,
  complete: "Complete",
  reopen: "Reopen",
  completeName: (title: string) => `Complete ${title}`,
  open: "Open",
  rename: "Rename",

  // What just happened
  added: (title: string) => `Added “${title}”.`,
  addedMany: (n: number, place: string) => `Added ${many(n, "task", "tasks")} to ${place}.`,
  completed: (title: string) => `Completed “${title}”.`,
  completedMany: (n: number) => `Completed ${many(n, "task", "tasks")}.`,
  reopened: (title: string) => `Reopened “${title}”.`,
  reopenedMany: (n: number) => `Reopened ${many(n, "task", "tasks")}.`,
  undone: (what: string) => `Undone: ${what}`,
  notUndone: (what: string) => `This can no longer be undone: ${what}.`,
  undoneLast: "Undone.",
  redone: "Done again.",
  nothingToUndo: "Nothing to undo.",
  nothingToRedo: "Nothing to redo.",
  changedSince: (what: string) => `Changed elsewhere since, so left alone: ${what}.`,
  dismiss: "Dismiss",

  trashed: (title: string) => `Moved “${title}” to the trash.`,
  trashedMany: (n: number) => `Moved ${many(n, "task", "tasks")} to the trash.`,
  prioritySet: (n: number | null) => (n ? `Priority ${n}.` : "No priority."),
  completeOrReopen: "Complete or reopen",
  moveToTrash: "Move to the trash",
  noPriority: "No priority",
  addBelow: "Add a task below",

  renamed: "Renamed.",
  title: "Title",
  weekOf: (date: string) => `Week of ${date}`,
  signedOutElsewhere: "Signed out in another tab.",
  moveUp: "Move up",
  moveDown: "Move down",
  indent: "Indent",
  outdent: "Outdent",
  movedTo: (at: number, all: number, place: string) => `Moved to ${at} of ${all} in ${place}.`,
  selectTask: "Select",
  newList: "New list",
  newSection: "New section",
  newLabel: "New label",
  newFilter: "New filter",
  listName: "Name of the list",
  sectionName: "Name of the section",
  labelName: "Name of the label",
  deleteList: "Delete list",
  deleteSection: "Delete section",
  deleteLabel: "Delete label",
  deletedName: (name: string) => `Deleted “${name}”.`,
  archive: "Archive",
  unarchive: "Take out of the archive",
  archivedList: "Archived the list.",
  unarchived: "Took the list out of the archive.",
  archivedLists: "Archive",
  notStored: "This device has no space left, so the change may be lost. Free some space, or export under Settings.",
  sortBy: "Sort by",
  sortings: {
    position: "My order",
    due: "Due date",
    priority: "Priority",
    title: "Title",
    created_at: "Newest first",
  },
  sortedBy: (what: string) => `Sorted by ${what.toLowerCase()}`,
  colors: ["Red", "Orange", "Yellow", "Green", "Teal", "Blue", "Indigo", "Purple", "Pink", "Grey"],
  noColor: "No colour",
  quickAdd: "Quick add",
  help: "Keyboard shortcuts",

  // Rows
  task: "Task",
  tasks: (n: number) => many(n, "task", "tasks"),
  priority: (n: number) => `Priority ${n}`,
  repeats: "repeats",
  hasNotes: "has notes",
  unsent: "not sent yet",
  dueOn: (date: string) => `due ${date}`,
  overdueBy: (n: number) => `−${n} d`,
  overdueWord: "overdue",
  subtasksDone: (done: number, all: number) => `${done} of ${many(all, "subtask", "subtasks")}`,
  expand: "Expand",
  collapse: "Collapse",
  showCompleted: (n: number) => `Show ${count.format(n)} completed`,
  hideCompleted: "Hide completed",
  tomorrow: "Tomorrow",
  yesterday: "Yesterday",
  dateAt: (date: string, time: string) => `${date} ${time}`,

  // Empty places
  emptyInbox: "Nothing waiting. Press Q to add something.",
  emptyToday: "Nothing due today.",
  seeUpcoming: "See upcoming",
  emptyUpcoming: "Nothing planned. Give a task a date and it will show here.",
  emptyOverdue: "Nothing is overdue.",
  emptyList: "No tasks yet. Type above, or paste several lines to add several.",
  emptyLabel: "No task has this label.",
  emptyFilter: "No task matches this filter.",

  // Quick add
  rescheduleAll: "Reschedule all",
  suggestions: "Suggestions",

  // Dates and rules
  dueName: "Due",
  startName: "Start",
  priorityName: "Priority",

  // Pickers, palette, keys
  moveTo: "Move to…",
  movedMany: (n: number) => `Moved ${many(n, "task", "tasks")}.`,
  nothingAbove: "There is no task above to put it under.",
  deepest: "Subtasks go five levels deep.",
  sectionBefore: "Move to the section before",
  sectionAfter: "Move to the next section",
  palette: "Commands",
  goTo: (place: string) => `Go to ${place}`,
  nextPane: "Next pane",
  setDue: "Set the due date",
  setStart: "Set the start date",
  setRepeat: "Set how it repeats",
  setLabels: "Set labels",

  // Selection
  selectedCount: (n: number) => `${count.format(n)} selected`,
  clearSelection: "Clear the selection",
  date: "Date",
  move: "Move",

  // Detail
  addSubtask: "Add a subtask",
  saved: "Saved.",

  // Statistics

  newVersion: "A new version is ready.",
  reload: "Reload",

  // Status
  synced: "Synced",
  sending: (n: number) => `Sending ${count.format(n)}`,
  offline: "Offline",
  offlineKept: (n: number) => `Offline, ${many(n, "change", "changes")} kept here`,
  needsYou: (n: number) => `Needs you (${count.format(n)})`,
  signInToSync: "Sign in to sync",
  firstSync: (done: number, total: number) => `${count.format(done)} of ${count.format(total)}`,
  firstSyncLabel: "Fetching your tasks",
};

export type Texts = typeof en;

/** Short names for the schemas of the API. */
import type { components } from "./types";

type Schemas = components["schemas"];

export type Task = Schemas["TaskRead"];
export type List = Schemas["ListRead"];
export type Section = Schemas["SectionRead"];
export type Label = Schemas["LabelRead"];
export type Filter = Schemas["FilterRead"];
export type User = Schemas["UserRead"];
/** A date, a local time or null for a whole day, and a zone or null for wherever the user is. */
export type Moment = Schemas["MomentRead"];
/** What may be written in place of a moment; the server adds `at`. */
export type MomentInput = Schemas["Moment"];
export type Recurrence = Schemas["RecurrenceRead"];
export type RecurrenceInput = Schemas["Recurrence"];

export type TaskInput = Schemas["TaskCreate"];
export type TaskPatch = Schemas["TaskPatch"];
export type ListInput = Schemas["ListCreate"];
export type SectionInput = Schemas["SectionCreate"];
export type LabelInput = Schemas["LabelCreate"];
export type FilterInput = Schemas["FilterCreate"];
export type UserPatch = Schemas["UserPatch"];

/** One change of `GET /sync` and of the event stream. */
export type Change = Schemas["Change"];
export type ChangePage = Schemas["ChangePage"];
export type Batch = Schemas["Batch"];
export type BatchOperation = Schemas["Operation"];
export type BatchResult = Schemas["BatchResult"];
/** The result of one operation. Its data has only those texts and metadata that it set. */
export type OperationResult = Schemas["Result"];
export type ShortTask = Schemas["ShortTask"];
export type ShortList = Schemas["ShortList"];

export type ApiErrorBody = Schemas["ErrorBody"];
export type ErrorCode = Schemas["ErrorCode"];
export type FieldError = Schemas["FieldError"];

/** What register and login return. With `Duly-Session: cookie`, a cookie has the refresh token. */
export type SignedIn = Schemas["SessionTokens"];
/** One of the user's sessions, as the settings list them. */
export type Session = Schemas["SessionRead"];
export type ApiToken = Schemas["ApiTokenRead"];
export type CreatedApiToken = Schemas["CreatedApiToken"];
export type Factor = Schemas["FactorRead"];
export type FactorEnrolment = Schemas["FactorEnrolment"];
export type SecurityEvent = Schemas["SecurityEventRead"];
/** A page of a list of resources. */
export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  total: number | null;
}

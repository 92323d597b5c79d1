import { alarm, said } from "../commands/app";

/** Both regions are there from the start: a region that arrives with its text is not read. */
export function Live() {
  return (
    <>
      <div class="hidden" role="status">{said}</div>
      <div class="hidden" role="alert">{alarm}</div>
    </>
  );
}

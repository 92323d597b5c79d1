import type { Page, Session } from "../../api/things";
import { session } from "../../commands/account";
import { ago } from "../../parts/when";
import { m } from "../../texts/more";
import { useServer } from "./use-server";

/** "Firefox on Linux" out of what a browser says of itself; otherwise its first word. */
function device(agent: string | null): string {
  if (!agent) return "–";
  const browser = /Edg|OPR|Firefox|Chrome|Safari/.exec(agent)?.[0] ?? agent.split(/[\s/]/)[0]!;
  const system = /Windows|Android|iPhone|iPad|Mac OS|Linux/.exec(agent)?.[0];
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", "Mac OS": "macOS" };
  return [names[browser] ?? browser, system && (names[system] ?? system)].filter(Boolean).join(" · ");
}

export function Sessions() {
  const { value, problem, load, attempt } = useServer<Page<Session>>("/auth/sessions?limit=100");
  const all = value.value?.items ?? [];
  const end = (ended: readonly Session[]) =>
    attempt(async () => {
      for (const { id } of ended) await session.request("DELETE", `/auth/sessions/${id}`);
    }).then(load);
  const others = all.filter((each) => !each.is_current);
  return (
    <section class="form">
      {problem.value && <p class="mistake">{problem.value}</p>}
      <ul class="plain-list">
        {all.map((each) => (
          <li key={each.id} class="line-item">
            <div class="grow">
              <bdi>{device(each.user_agent)}</bdi>
              <p class="note">{each.is_current ? m().thisDevice : m().lastUsed(ago(each.last_used_at))}</p>
            </div>
            {!each.is_current && <button type="button" class="button" onClick={() => void end([each])}>{m().endSession}</button>}
          </li>
        ))}
      </ul>
      {others.length > 1 && <button type="button" class="button" onClick={() => void end(others)}>{m().endOthers}</button>}
    </section>
  );
}

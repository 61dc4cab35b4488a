import type { Merge } from "../api/router";
import { Since } from "../ui/parts";
import { Words } from "../ui/Words";
import { gateSentence, mergeSentence } from "../words/sentences";
import { useGates } from "./gates";

/** Where a merge stands; while it is tested, at which gate and for how long. */
export function MergeWords({ merge }: { merge: Merge }) {
  const testing = merge.status === "testing";
  const gates = useGates(merge, testing);
  const step = gates?.steps.at(-1);
  if (!testing || !gates || !step) return <Words text={mergeSentence(merge)} />;
  return (
    <>
      <Words text={gateSentence(step, gates.count)} /> · <Since at={step.began_at} />
      <progress aria-label="Gates passed" max={gates.count} value={gates.steps.filter((one) => one.gate !== null && one.result === PASSED).length} />
    </>
  );
}

const PASSED = "exit status 0";

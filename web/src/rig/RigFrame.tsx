import { Outlet } from "@tanstack/react-router";

import { useRigHere } from "../app/where";
import { Empty } from "../ui/parts";

/** The pages of one rig, or a word on why there are none. */
export function RigFrame() {
  const rig = useRigHere();
  if (rig) return <Outlet key={rig.id} />;
  return (
    <Empty title="There is no rig of this name">
      <p>It may have been removed. The rigs of this home are on the left.</p>
    </Empty>
  );
}

/** The rig whose pages are shown; only below `RigFrame`. */
export function useRig() {
  const rig = useRigHere();
  if (!rig) throw new Error("a page of a rig was shown without one");
  return rig;
}

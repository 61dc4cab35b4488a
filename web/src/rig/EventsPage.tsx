import { useTitle } from "../app/attention";
import { Feed } from "../town/Feed";
import { useRig } from "./RigFrame";

/** All that happened in a rig, with who did it. */
export function EventsPage() {
  const rig = useRig();
  useTitle(`Events · ${rig.name}`);
  return (
    <div className="page">
      <h1 className="sr">Events of {rig.name}</h1>
      <Feed scope={{ rigId: rig.id }} title="Events" />
    </div>
  );
}

import { Dialog } from "../ui/Dialog";
import { closeOverlay } from "./overlays";

const KEYS: readonly (readonly [string, string])[] = [
  ["Ctrl K, ⌘K", "find or do anything"],
  ["n", "sling beads"],
  ["i", "inbox"],
  ["t", "town"],
  ["w, b, l", "wall, board, landing of the rig"],
  ["j, k, arrows", "from pane to pane"],
  ["Enter", "open"],
  ["m", "message"],
  ["s", "stop"],
  ["p, f", "pin, focus a pane"],
  ["/", "filter, search"],
  ["a, x, r", "on the board: approve or start, cancel, retry"],
  ["+, -", "on the board: priority"],
  ["?", "this list"],
];

export function KeysDialog() {
  return (
    <Dialog title="Keys" onClose={closeOverlay}>
      <dl className="keys">
        {KEYS.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <div className="buttons">
        <button type="button" className="strong" autoFocus onClick={closeOverlay}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

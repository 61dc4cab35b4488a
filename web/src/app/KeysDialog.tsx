import { Dialog } from "../ui/Dialog";
import { closeOverlay } from "./overlays";

const KEYS: readonly (readonly [string, string])[] = [
  ["Ctrl K, ⌘K", "find or do anything"],
  ["n", "sling beads"],
  ["i, t", "inbox, town"],
  ["w, b, l", "wall, board, landing of the rig"],
  ["e, g", "events, settings of the rig"],
  ["j, k, arrows", "from pane to pane, card to card, item to item"],
  ["Enter", "open"],
  ["m, s", "message, stop"],
  ["p, f", "pin, focus a pane; Escape shows all"],
  ["/", "filter, search"],
  ["a, x, r", "approve or start, cancel, retry"],
  ["+, -", "on the board: priority"],
  ["1 to 5", "on a bead: its tabs"],
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

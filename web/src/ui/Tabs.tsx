import { useId, useRef, type KeyboardEvent, type ReactNode } from "react";

export interface Tab {
  key: string;
  words: string;
  panel: () => ReactNode;
}

/** Tabs, and the panel of the one that is chosen. The arrows go from tab to tab. */
export function Tabs({ label, tabs, chosen, onChoose }: { label: string; tabs: readonly Tab[]; chosen: string; onChoose: (key: string) => void }) {
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const at = Math.max(0, tabs.findIndex((tab) => tab.key === chosen));
  const pressed = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (step === 0 || !next) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(next.key);
    list.current?.querySelectorAll("button")[tabs.indexOf(next)]?.focus();
  };
  return (
    <>
      <div ref={list} className="tabs" role="tablist" aria-label={label} onKeyDown={pressed}>
        {tabs.map(({ key, words }, index) => (
          <button key={key} type="button" role="tab" id={`${id}-${key}`} aria-selected={index === at} aria-controls={`${id}-panel`} tabIndex={index === at ? 0 : -1} onClick={() => onChoose(key)}>
            {words}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tabs[at]?.key}`}>
        {tabs[at]?.panel()}
      </div>
    </>
  );
}

import { visible } from "../words/visible";

/** A sentence of the server or of an agent. What is between backticks is a command. */
export function Words({ text }: { text: string }) {
  const parts = visible(text).split("`");
  return (
    <bdi>
      {parts.map((part, at) => (at % 2 === 1 && at < parts.length - 1 ? <code key={at}>{part}</code> : <span key={at}>{at % 2 === 1 ? `\`${part}` : part}</span>))}
    </bdi>
  );
}

/** Somebody's title, in one piece. */
export function Title({ text }: { text: string }) {
  return <bdi className="title">{visible(text)}</bdi>;
}

import { common, createLowlight } from "lowlight";

const lowlight = createLowlight(common);
const LONGEST = 2_000;

const LANGUAGES: Record<string, string> = {
  py: "python", pyi: "python", ts: "typescript", tsx: "typescript", js: "javascript", jsx: "javascript", mjs: "javascript", cjs: "javascript",
  rs: "rust", go: "go", java: "java", kt: "kotlin", swift: "swift", rb: "ruby", php: "php", c: "c", h: "c", cc: "cpp", cpp: "cpp", hpp: "cpp", cs: "csharp",
  sh: "bash", bash: "bash", zsh: "bash", css: "css", scss: "scss", less: "less", html: "xml", xml: "xml", svg: "xml", vue: "xml", json: "json", yaml: "yaml",
  yml: "yaml", toml: "ini", ini: "ini", md: "markdown", sql: "sql", lua: "lua", pl: "perl", r: "r", diff: "diff", graphql: "graphql", mk: "makefile",
};

/** A piece of code and what it is: the class name of a colour, empty for none. */
export interface Token {
  text: string;
  look: string;
}

/** One line of a file as coloured pieces. Never HTML. */
export function coloured(path: string, line: string): Token[] {
  const name = path.split("/").at(-1) ?? "";
  const language = name.toLowerCase() === "makefile" ? "makefile" : LANGUAGES[name.split(".").at(-1)?.toLowerCase() ?? ""];
  if (!language || line.length > LONGEST) return [{ text: line, look: "" }];
  const found: Token[] = [];
  collect(lowlight.highlight(language, line).children, "", found);
  return found;
}

type Node = ReturnType<typeof lowlight.highlight>["children"][number];

function collect(nodes: readonly Node[], look: string, found: Token[]): void {
  for (const node of nodes) {
    if (node.type === "text") found.push({ text: node.value, look });
    else if (node.type === "element") {
      const names = node.properties["className"];
      collect(node.children as Node[], Array.isArray(names) ? String(names[0] ?? "") : look, found);
    }
  }
}

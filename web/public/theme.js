// Before the first paint, so that the page never flashes in the other theme.
try {
  const theme = localStorage.getItem("boomtown.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // storage is off: the system's theme it is
}

// The filter above the files, and everything open on paper. Without this script all is still readable.
const files = [...document.querySelectorAll("details.file")];
const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  for (const file of files) file.hidden = !file.textContent.toLowerCase().includes(wanted);
});
let closed = [];
addEventListener("beforeprint", () => {
  closed = files.filter((file) => !file.open);
  for (const file of closed) file.open = true;
});
addEventListener("afterprint", () => {
  for (const file of closed) file.open = false;
});

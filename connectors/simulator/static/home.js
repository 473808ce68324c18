// The front door: a code becomes a link.
const code = document.getElementById("code");
const go = () => { if (code.value.trim()) location.assign("/" + encodeURIComponent(code.value.trim())); };
document.getElementById("go").addEventListener("click", go);
code.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });

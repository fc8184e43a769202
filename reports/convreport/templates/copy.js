"use strict";
for (const button of document.querySelectorAll("button.copy")) {
  const source = button.parentElement.querySelector("code, pre");
  const word = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      source.closest("details")?.setAttribute("open", "");
      getSelection().selectAllChildren(source);
      button.textContent = "selected";
    }
    setTimeout(() => { button.textContent = word; }, 1500);
  });
}

onmessage = ({ data: [id, ms] }) => setTimeout(() => postMessage(id), ms);

// Settings and start message of all servers here.
export const HOST = "127.0.0.1";
export const PORT = Number(process.env.PORT);
export const DATABASE_URL = process.env.DATABASE_URL;
export const CONNECTIONS = 10;

export const announce = () => console.log(`serving with Node ${process.version}`);

// Where this app asks, and for which city. Pages of its origin have to be in the city's `cors` (city.toml).
export const API = "http://127.0.0.1:8000";
export const CITY = "musterstadt";

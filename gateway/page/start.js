// Nothing is asked of anybody else: Swagger UI would have the document validated by a server of its makers.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null });

// No requests to other hosts: by default Swagger UI sends the document to a validator of its makers.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null });
